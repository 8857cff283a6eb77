"""Seconds until a test -ELBO of 105.5 nats on MNIST: `fit` against the loop of the textbooks, on the same threads."""

import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.data import catalog
from explorer.core.training import loop
from explorer.core.training import state as training_state
from explorer.core.vae.objective import kl_per_dim

GOAL = 105.5  # nats per image, grey-level cross-entropy, one z
# Few epochs at a high rate that comes down to nothing: the fastest way to the goal that was found on two cores.
OURS = (
    ModelConfig(arch="mlp", widths=(512,), latent_dim=20),
    TrainConfig("mnist", epochs=3, lr=5e-3, batch_size=100, warmup=0.3),
)


class Textbook(nn.Module):
    """784-400-20 and back, the VAE of every tutorial."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x):
        h = F.relu(self.fc1(x.view(-1, 784)))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar


def textbook_epochs(test: torch.Tensor):
    """Train for ever; after each epoch yields (seconds of training so far, test -ELBO)."""
    torch.manual_seed(0)
    train = datasets.MNIST(catalog.data_dir(), train=True, transform=transforms.ToTensor())
    loader = DataLoader(train, batch_size=128, shuffle=True)
    model = Textbook()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    seconds = 0.0
    while True:
        began = time.perf_counter()
        for x, _ in loader:
            optimizer.zero_grad()
            recon_x, mu, logvar = model(x)
            bce = F.binary_cross_entropy(recon_x, x.view(-1, 784), reduction="sum")
            (bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())).backward()
            optimizer.step()
        seconds += time.perf_counter() - began
        with torch.no_grad():
            recon_x, mu, logvar = model(test)
            bce = F.binary_cross_entropy(recon_x, test.view(-1, 784), reduction="sum")
            yield seconds, (bce + kl_per_dim(mu, logvar).sum()).item() / len(test)


def rows():
    train, test = catalog.load("mnist", "train"), catalog.load("mnist", "test")
    state = training_state.begin(*OURS)
    ours = [r for r in loop.fit(state, train.images, test.images) if r.is_epoch]
    peer = []
    for epoch in textbook_epochs(torch.from_numpy(test.images).float() / 255):
        peer.append(epoch)
        if epoch[1] <= GOAL or len(peer) == 20:
            break
    per_epoch = ours[-1].seconds / ours[-1].epoch, peer[-1][0] / len(peer)
    threads = f"{torch.get_num_threads()} threads, {state.precision}"
    yield (
        f"seconds per epoch, MLP 512 ({threads})",
        f"{per_epoch[0]:.2f} s",
        f"textbook 784-400-20 {per_epoch[1]:.2f} s",
        f"{per_epoch[1] / per_epoch[0]:.2f}",
        "-",
    )
    reached = -ours[-1].test.elbo <= GOAL
    ratio = f"{peer[-1][0] / ours[-1].seconds:.2f}" if reached else "missed"
    yield (
        f"to -ELBO {GOAL}: {-ours[-1].test.elbo:.2f} nats, evaluations included",
        f"{ours[-1].seconds:.1f} s",
        f"textbook {peer[-1][1]:.2f} nats {peer[-1][0]:.1f} s",
        ratio,
        ">= 2.5",
    )
