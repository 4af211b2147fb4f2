"""Loops and outside readers that follow the ledger."""
