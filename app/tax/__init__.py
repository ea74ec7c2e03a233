"""Tax on what is sold: which country's, at which rate, and how much to the cent."""
