# Included by the Makefile. Floods a daemon in each way of Tests/Floods/floods.py, with 500 other clients connected. FLOODS has
# the options: make floods FLOODS='--pin queue'

.PHONY: floods

floods: test-packages build $(VENV)
	$(PYTHON) Tests/Floods/floods.py $(FLOODS)
