"""What people read on cards and in results: values to texts and layouts, within Discord's limits."""
