# Included by the Makefile. A flood of each S finding beside 500 honest clients; options for it in FLOODS: make floods FLOODS='--pin queue'

.PHONY: floods

floods: test-packages build $(VENV)
	$(PYTHON) Tests/Floods/floods.py $(FLOODS)
