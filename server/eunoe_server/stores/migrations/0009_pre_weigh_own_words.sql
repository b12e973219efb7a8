-- What it costs to make a text's words into those of one namespace. Postgres keeps no statistics of
-- content (0008), so it guesses how many texts hold a word; with the usual cost of a function it
-- would rather make the words of ten thousand texts anew than look them up in their index.
alter function own_words(bigint, text []) cost 10000;
