"""From an event to the runs to start and the pauses to resume; crons."""
