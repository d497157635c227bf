"""The demo's web service, a little tea shop: its files as they are deployed, and its history with a bad version in it."""
