"""Tests mirror the source; journeys are named after what a person does."""
