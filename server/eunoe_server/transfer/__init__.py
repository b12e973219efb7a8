"""Import and export: files on one side, a running server's public gRPC API on the other.

Nothing here touches the database: what is imported passes the same door as every other call, with
its key, its limits and its checks. Files are JSON Lines of our own (`eunoe export` writes them),
DialogueDB's JSON, ChatGPT's data export and lists of OpenAI messages; which one it is shows in
each item, so nobody has to say.
"""
