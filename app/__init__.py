"""Bookstore: an online bookshop on FastAPI, async SQLAlchemy and PostgreSQL."""

__version__ = "0.1.0"
