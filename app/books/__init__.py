"""The catalogue: works, the books (editions) that are sold, contributors, genres, stock."""
