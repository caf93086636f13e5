"""Documents of sentences of words: the two layers and their attention, stated once more in NumPy."""

import numpy as np
import pytest
import torch
from layer_checks import close, inputs
from numpy_layers import elman, pooled, weights_of

from tidegate.errors import DataError
from tidegate.layers import DocumentEncoder, Recurrent

WORDS = torch.tensor([[4, 2, 5], [1, 5, 3], [3, 0, 2], [0, 0, 0]])
SENTENCES = torch.tensor([3, 1, 3, 0])


def build():
    torch.manual_seed(5)
    return DocumentEncoder(Recurrent("rnn", 3, 4), Recurrent("rnn", 4, 6), units=5).double().eval()


def test_a_document_is_its_formula():
    encoder, x = build(), inputs(4, 3, 5, 3)
    padded = x.clone()
    for document, count in enumerate(SENTENCES.tolist()):
        padded[document, count:] = torch.nan
        for sentence, words in enumerate(WORDS[document].tolist()):
            padded[document, sentence, words:] = torch.nan
    vectors, of_words, of_sentences = encoder(padded, WORDS, SENTENCES)
    each = {name: weights_of(getattr(encoder, name)) for name in ("words", "sentences", "of_words", "of_sentences")}
    for document, count in enumerate(SENTENCES.tolist()):
        found, shares = [], np.zeros((3, 5))
        for sentence, words in enumerate(WORDS[document, :count].tolist()):
            if not words:
                found.append(np.zeros(4))
                continue
            y, _ = elman(each["words"], x[document, sentence, :words].numpy())
            vector, shares[sentence, :words] = pooled(each["of_words"], y)
            found.append(vector)
        close(of_words[document], torch.from_numpy(shares))
        if not count:
            assert not vectors[document].any()
            assert not of_sentences[document].any()
            continue
        vector, own = pooled(each["of_sentences"], elman(each["sentences"], np.array(found))[0])
        close(vectors[document], torch.from_numpy(vector))
        close(of_sentences[document, :count], torch.from_numpy(own))
        assert not of_sentences[document, count:].any()
    vectors.square().sum().backward()
    assert all(weight.grad.isfinite().all() for weight in encoder.parameters())


def test_gradients_of_a_document_are_right():
    encoder, x = build(), inputs(2, 3, 4, 3).requires_grad_()
    words, sentences = torch.tensor([[4, 2, 1], [1, 3, 0]]), torch.tensor([3, 2])
    names = [name for name, _ in encoder.named_parameters()]

    def run(x, *weights):
        return torch.func.functional_call(encoder, dict(zip(names, weights, strict=True)), (x, words, sentences))

    assert torch.autograd.gradcheck(run, (x, *encoder.parameters()), fast_mode=True)


def test_full_documents_need_no_lengths():
    encoder, x = build(), inputs(2, 3, 4, 3)
    whole = encoder(x, torch.full((2, 3), 4), torch.full((2,), 3))
    for mine, other in zip(encoder(x), whole, strict=True):
        close(mine, other)


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="sentences must read the 4 features that words puts out, not 5"):
        DocumentEncoder(Recurrent("rnn", 3, 4), Recurrent("rnn", 5, 6), units=5)
    with pytest.raises(DataError, match=r"x must have shape \(batch, sentences, words, features\)"):
        build()(torch.zeros(2, 3, 4))
