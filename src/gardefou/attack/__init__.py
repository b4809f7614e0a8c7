"""A program that tries to get around the nets: a search over the sequences of actions of one person.

It plays against the real flow with a store in memory, as scenarios do, and
judges what the sandbox platform did and what stands in the store by goals of
its own: `gardefou.attack.watched` at every call of the platform,
`gardefou.attack.goals` after every move. Nothing in the flow knows of it.
"""
