"""A participant withdraws: found wherever they are, shown as a plan, and taken out as one transaction."""
