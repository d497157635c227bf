"""The only place that prints: plain lines, tables, JSON envelopes, and what a terminal can show."""
