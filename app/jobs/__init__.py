"""Work for later: jobs, schedules and events, written in the transaction that wants them done."""
