"""The pure heart: values in, values out, no input or output."""
