"""Asking providers what a target supports, in a process of its own."""
