"""`python -m clients`: generates the types of the TypeScript client anew, and compiles it."""

from clients.building import TYPES, compiler, generate, install

if __name__ == "__main__":
    install()
    generate(TYPES)
    compiler()
