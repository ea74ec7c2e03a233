"""The database: declarative base, engine and sessions, migrations, the server that comes along."""
