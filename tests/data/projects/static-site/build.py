import pathlib

site = pathlib.Path("public")
site.mkdir()
for page in pathlib.Path("pages").glob("*.md"):
    (site / f"{page.stem}.html").write_text(f"<pre>{page.read_text()}</pre>")
