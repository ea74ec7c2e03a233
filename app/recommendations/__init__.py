"""What else readers may like, and the lists that the shop keeps."""
