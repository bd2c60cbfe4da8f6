"""The way of every CLI to its model: record, meter, pass on; and the offline model."""
