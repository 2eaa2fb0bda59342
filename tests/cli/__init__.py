"""The command line as a contract: every test goes through `srctl.cli.main`."""
