"""What each permission mode says of a call that no rule decides."""
