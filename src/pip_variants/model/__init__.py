"""PEP 825 and PEP 850 as values: no pip, no I/O, no environment, no clock."""
