"""One file per agent CLI; each gives two pure functions: request → command, finished process → result."""
