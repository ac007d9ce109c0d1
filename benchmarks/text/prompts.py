"""Sixteen beginnings of 16 to 40 tokens which the model continues for more than 64 tokens, and one to warm up with."""

__all__ = ["PROMPTS", "WARM_UP"]

WARM_UP = "The ferry leaves the harbour at six in the morning, and by noon it has reached the island where"

PROMPTS = (
    "The old lighthouse keeper climbed the stairs every night, lit the lamp, and wrote in his book that",
    "In the spring of 1887 a young engineer arrived in the small town by the river with nothing but a suitcase and",
    "Bread is made of flour, water, salt and yeast. First the baker mixes them in a large bowl, and then",
    "The committee met on Tuesday to discuss the new bridge. Its members agreed that the old one",
    "Plants take in carbon dioxide through their leaves and water through their roots. With the help of sunlight they",
    "My grandmother kept three hens, a goat and a very old dog. Every morning before school I had to",
    "A good map shows more than roads. It tells the traveller how steep the hills are, where the water is, and",
    "When the orchestra had finished the first movement, nobody clapped, because the conductor had turned around and",
    "The history of the bicycle begins with a wooden frame without pedals. A rider pushed himself along with his feet",
    "She had been learning the piano for eleven years when her teacher told her one afternoon that she should",
    "Glaciers move slowly, a few centimetres a day, but in thousands of years they carve whole valleys. Where they end",
    "The first thing a visitor notices about the market is the noise. Sellers shout the price of fish and",
    "There are two kinds of locks on a canal. The simpler kind has one gate at each end, and the boat",
    "After the storm the children of the village ran down to the beach to see what the sea had left there:",
    "A library is not only a place for books. In many towns it is also where people come to",
    "The night train to the north was almost empty. In the last carriage sat a man in a grey coat who",
)
