"""Invoices, credit notes and packing slips as PDF: drawing alone, from plain facts."""
