"""What programs are asked: the instrument model and its published versions."""
