"""What runs the steps of a pipeline: one executor (the stages themselves), and a thin adapter for each place."""
