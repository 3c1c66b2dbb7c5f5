"""The commands, by what people do: run a farm, make a picture, look after jobs."""
