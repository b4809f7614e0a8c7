"""The console: server-rendered pages on which a reviewer works and a lead answers.

Every page is a plain function of one visit, run in a thread; every change goes
through `gardefou.flow`. The pages work without scripts; the scripts add keys,
countdowns and the line that says what a click will do.
"""
