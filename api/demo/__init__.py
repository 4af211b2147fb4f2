"""The demonstration: invented affiliates' staff, programs and people, told through a real door from start to end."""
