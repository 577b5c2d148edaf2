"""Usage windows of subscriptions: who uses them, and when they will be full. Pure.

- ``window``    one window of one account: its points, and each session's share.
- ``forecast``  when a window will be full, as a range.
- ``accounts``  the windows of all accounts, bounded.
"""
