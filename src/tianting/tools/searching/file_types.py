"""The names that Grep's `type` stands for: a table of our own, so that every backend means the same by them."""

from tianting.tools.contract import ToolFailed

TYPES: dict[str, tuple[str, ...]] = {
    "bash": ("*.sh", "*.bash"),
    "c": ("*.c", "*.h"),
    "clojure": ("*.clj", "*.cljs", "*.cljc", "*.edn"),
    "cmake": ("*.cmake", "CMakeLists.txt"),
    "cpp": ("*.cpp", "*.cc", "*.cxx", "*.hpp", "*.hh", "*.hxx", "*.h", "*.inl"),
    "cs": ("*.cs",),
    "csharp": ("*.cs",),
    "css": ("*.css", "*.scss", "*.sass", "*.less"),
    "dart": ("*.dart",),
    "docker": ("Dockerfile*", "*.dockerfile", "Containerfile"),
    "elixir": ("*.ex", "*.exs", "*.eex", "*.heex"),
    "erlang": ("*.erl", "*.hrl"),
    "go": ("*.go",),
    "gradle": ("*.gradle", "*.gradle.kts"),
    "graphql": ("*.graphql", "*.gql"),
    "haskell": ("*.hs", "*.lhs"),
    "html": ("*.html", "*.htm"),
    "java": ("*.java",),
    "js": ("*.js", "*.jsx", "*.mjs", "*.cjs", "*.vue"),
    "json": ("*.json", "*.jsonl", "*.json5"),
    "kotlin": ("*.kt", "*.kts"),
    "lua": ("*.lua",),
    "make": ("Makefile*", "makefile*", "GNUmakefile", "*.mk", "*.mak"),
    "markdown": ("*.md", "*.markdown", "*.mdx"),
    "md": ("*.md", "*.markdown", "*.mdx"),
    "nix": ("*.nix",),
    "ocaml": ("*.ml", "*.mli"),
    "perl": ("*.pl", "*.pm", "*.t"),
    "php": ("*.php",),
    "proto": ("*.proto",),
    "py": ("*.py", "*.pyi"),
    "python": ("*.py", "*.pyi"),
    "r": ("*.r", "*.R", "*.Rmd"),
    "rst": ("*.rst",),
    "ruby": ("*.rb", "*.rake", "*.gemspec", "Gemfile", "Rakefile"),
    "rust": ("*.rs",),
    "scala": ("*.scala", "*.sc", "*.sbt"),
    "sh": ("*.sh", "*.bash", "*.zsh"),
    "sql": ("*.sql",),
    "svelte": ("*.svelte",),
    "swift": ("*.swift",),
    "tf": ("*.tf", "*.tfvars", "*.hcl"),
    "toml": ("*.toml",),
    "ts": ("*.ts", "*.tsx", "*.mts", "*.cts"),
    "txt": ("*.txt",),
    "typescript": ("*.ts", "*.tsx", "*.mts", "*.cts"),
    "vue": ("*.vue",),
    "xml": ("*.xml", "*.xsd", "*.xsl", "*.svg"),
    "yaml": ("*.yaml", "*.yml"),
    "zig": ("*.zig",),
}


def names_of_type(name: str) -> tuple[str, ...]:
    """The globs of `name`. Raises `ToolFailed` for a type that is not in the table."""
    if name in TYPES:
        return TYPES[name]
    raise ToolFailed(f'No type "{name[:40]}". Use glob="*.{name[:40]}", or one of: {", ".join(TYPES)}.')
