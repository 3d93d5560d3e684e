"""Flow control: when an event may start a run, and when a run's work may be done. One module a rule.

The rules are pure where they can be: what they know is a value, and a store that implements `base.FlowStore` keeps it.
"""
