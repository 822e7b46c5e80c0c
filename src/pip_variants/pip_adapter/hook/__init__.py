"""What every run of pip loads: finding pip's places, the run, and its options."""
