"""The catalogue as files for others: CSV for spreadsheets, ONIX for the trade."""
