"""What things are: frozen data and pure rules, no input or output. Imported by every other room."""
