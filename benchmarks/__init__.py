"""What is claimed about speed, runnable: `make bench`. Figures are printed, never asserted."""
