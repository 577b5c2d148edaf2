"""A model's rates as the data of genai-prices has them, in USD per million tokens."""

RATES = {
    "input_mtok": 5,
    "cache_write_mtok": 6.25,
    "cache_write_1h_mtok": 10,
    "cache_read_mtok": 0.5,
    "output_mtok": 25,
}
