"""What the command line can do, one module for each topic, loaded when it is asked for."""
