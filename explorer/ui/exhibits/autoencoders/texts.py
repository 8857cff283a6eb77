"""The words of /autoencoders: what to look at, the predictions, and the viewers' questions with their answers."""

from explorer.ui.exhibits.exhibit import Prediction, Question

LOOK = "Three models, one seed, the same batches: only the weight of the KL differs. Move between two images, and compare."

PREDICTIONS = (
    Prediction(
        "How much of the prior N(0, I) is a hole for the autoencoder: a place that no image supports?",
        ("Under 5 %", "About half", "Nearly all"),
        2,
        "Nothing ties its codes to the prior. A draw from N(0, I) lands between them, where the decoder was never trained.",
        ("holes-autoencoder",),
    ),
    Prediction(
        "The third model pays more for the KL. How many dimensions does it use, compared with the VAE?",
        ("More", "As many", "Fewer"),
        2,
        "It gives up the dimensions that are worth less than they cost: there q(z|x) is the prior for every image.",
        ("active-beta-vae", "prior-dims-beta-vae"),
    ),
)

QUESTIONS = (
    Question(
        "A10",
        "What is collapse: of the variance, and of the posterior?",
        "The two last counts: the autoencoder's dimensions are points; with beta = 4, all of the third are the prior.",
        "beta=4&open=0.2,1.2",
    ),
    Question(
        "D1",
        "What does a VAE have that an autoencoder has not?",
        "The autoencoder reconstructs better. But its draws of the prior are no digits, and the prior is all holes.",
        "open=0.2,1.2",
    ),
    Question(
        "E5",
        "How would an encoder cheat without the KL?",
        "As the autoencoder does: no noise, and a point of its own for every image, at a KL of over 100 nats.",
        "t=16&open=0.2,1.2",
    ),
)
