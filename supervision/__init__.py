"""Compliance and supervision of a yearly work plan: obligations, findings, notices, lists."""
