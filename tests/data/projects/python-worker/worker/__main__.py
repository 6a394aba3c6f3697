import bottle

print("bottle", bottle.__version__)
