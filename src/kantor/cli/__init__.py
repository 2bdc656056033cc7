"""The command line: `kantor COMMAND key=value …`; it knows no torch until the words are understood."""
