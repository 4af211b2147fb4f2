"""Adapters: everything that touches a disk, a socket, a clock or a third party lives in this package."""
