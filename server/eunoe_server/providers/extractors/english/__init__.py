"""English, as far as the rules read it: whose words, which clauses, what they state, about what.

    own_words   what in a message the speaker says of themselves; the rest is masked
    clauses     sentences and the statements in them; questions and conditions are dropped
    wrapping    greetings, thanks and by-the-ways, taken off a clause
    statement   its subject and predicate: "I do not live in Paris" is (I, not, live in Paris)
    topics      what a predicate says: a home, a like, an allergy
    person      the same clause in the third person
    dates       "last year" as the year it was
    requests    "remember that …", "forget that …"

Nothing here guesses. A clause that no rule reads holds no fact.
"""
