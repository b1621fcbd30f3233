"""The node kinds, one file each: what the user may configure, which context it refers to, and how it runs."""
