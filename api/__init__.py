"""The doors: HTTP and the command line. They translate; no rule of the process stands here."""
