"""What operators see: logs, traces, metrics and the lag of the last minutes."""
