import pytest

from db.session import Database
from tests.filing.selling import BENGALURU_COMPANY, MUMBAI_COMPANY, Shop, consumer, october


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


@pytest.fixture
async def october_sales(shop: Shop) -> Shop:
    """Six invoices: two companies, a large and three small sales to consumers, the last two of one State."""
    await shop.sell(BENGALURU_COMPANY, 94_282, october(1))
    await shop.sell(MUMBAI_COMPANY, 9_99_900, october(2))
    await shop.sell(consumer("07"), 1_18_000_01, october(9))
    await shop.sell(consumer("04"), 99_900, october(15))
    await shop.sell(consumer("29"), 79_900, october(20))
    await shop.sell(consumer("29"), 4_99_900, october(31))
    return shop
