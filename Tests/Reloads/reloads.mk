# Included by the Makefile. Reloads a plugin under load; see Tests/Reloads/reloads.py. RELOADS has the options:
# make reloads RELOADS='--sockets 1000 --faults 10'

.PHONY: reloads

reloads: test-packages build $(VENV)
	$(PYTHON) Tests/Reloads/reloads.py $(RELOADS)
