"""What a run leaves behind: a folder with table, pictures, bag and summary."""
